// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {NoncesKeyed} from "@openzeppelin/contracts/utils/NoncesKeyed.sol";
import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IDatatoken} from "../interfaces/IDatatoken.sol";
import {Access, ILicences, Licence, LicenceKind, Receipt} from "../interfaces/ILicences.sol";
import {Grant, SlotLib} from "../libraries/SlotLib.sol";
import {Licences} from "./Licences.sol";

/// @title Grants: who has access, and the redeeming and consuming of it.
/// @dev Nothing here asks for the state of the asset: what was bought can be used, whatever became of it.
abstract contract Grants is Licences, EIP712, NoncesKeyed {
    using SlotLib for Grant;

    bytes32 private constant RECEIPT_TYPEHASH = keccak256(
        "Receipt(uint256 assetId,uint8 licence,address account,uint32 uses,address service,bytes32 ref,uint256 nonce,uint48 deadline)"
    );

    constructor() EIP712("AI Asset Registry", "1") {}

    /* USING */

    /// @inheritdoc ILicences
    function redeem(uint256 assetId, uint256 licence, uint32 units, address account) external {
        Licence memory offer = _licenceAt(assetId, licence);
        if (offer.kind == LicenceKind.Hold) revert NotRedeemable(assetId, licence);
        if (units == 0) revert NoUnits();
        if (account == address(0)) revert InvalidAccount(account);
        uint256 key = _key(assetId, licence);
        Grant memory held = _grants[key][account];
        _addAccess(held, assetId, licence, account, offer, units);
        _grants[key][account].write(held);
        emit TokensRedeemed(assetId, licence, account, msg.sender, units);
        address token = _datatoken(key);
        if (token.code.length == 0) {
            revert IERC20Errors.ERC20InsufficientBalance(msg.sender, 0, units * UNIT);
        }
        IDatatoken(token).burn(msg.sender, units * UNIT);
    }

    /// @inheritdoc ILicences
    function consume(uint256 assetId, uint256 licence, uint32 uses, bytes32 ref) external {
        _consume(assetId, licence, msg.sender, msg.sender, uses, ref);
    }

    /// @inheritdoc ILicences
    function consumeWithReceipt(Receipt calldata receipt, bytes calldata signature) external {
        if (block.timestamp > receipt.deadline) revert ReceiptExpired(receipt.deadline);
        if (receipt.service != address(0) && receipt.service != msg.sender) {
            revert WrongService(receipt.service, msg.sender);
        }
        _useCheckedNonce(receipt.account, receipt.nonce);
        _consume(receipt.assetId, receipt.licence, receipt.account, msg.sender, receipt.uses, receipt.ref);
        if (!SignatureChecker.isValidSignatureNowCalldata(receipt.account, hashReceipt(receipt), signature)) {
            revert InvalidReceiptSignature(receipt.account);
        }
    }

    /// @inheritdoc ILicences
    function cancelReceipt(uint192 key) external {
        emit ReceiptCancelled(msg.sender, key, uint64(_useNonce(msg.sender, key)));
    }

    /* VIEWS */

    /// @inheritdoc ILicences
    function hasAccess(uint256 assetId, address account) external view returns (bool) {
        uint256 count = _requireAsset(assetId).licenceCount;
        for (uint256 i = 0; i < count; ++i) {
            if (_accessOf(_key(assetId, i), account).active) return true;
        }
        return false;
    }

    /// @inheritdoc ILicences
    function accessOf(uint256 assetId, uint256 licence, address account)
        external
        view
        returns (Access memory)
    {
        _licenceAt(assetId, licence);
        return _accessOf(_key(assetId, licence), account);
    }

    /// @inheritdoc ILicences
    function hashReceipt(Receipt calldata receipt) public view returns (bytes32) {
        return _hashTypedDataV4(keccak256(abi.encode(RECEIPT_TYPEHASH, receipt)));
    }

    /* INTERNAL */

    function _consume(
        uint256 assetId,
        uint256 licence,
        address account,
        address service,
        uint32 uses,
        bytes32 ref
    ) private {
        if (_licenceAt(assetId, licence).kind != LicenceKind.Use) {
            revert NotConsumable(assetId, licence);
        }
        if (uses == 0) revert NoUnits();
        Grant storage held = _grants[_key(assetId, licence)][account];
        uint64 left = held.uses;
        if (uses > left) revert NotEnoughUses(assetId, licence, account, uses, left);
        held.uses = left - uses;
        emit UsesConsumed(assetId, licence, account, service, uses, ref);
    }

    function _accessOf(uint256 key, address account) private view returns (Access memory access) {
        LicenceKind kind = _licences[key].kind;
        Grant memory held = _grants[key][account];
        (access.expiresAt, access.uses, access.held, access.taken) =
        (held.expiresAt, held.uses, held.held, held.taken);
        address token = _datatoken(key);
        if (token.code.length != 0) access.tokens = IERC20(token).balanceOf(account);
        if (kind == LicenceKind.Hold) access.active = held.held || access.tokens >= UNIT;
        else if (kind == LicenceKind.Period) access.active = held.expiresAt > block.timestamp;
        else access.active = held.uses != 0;
    }
}
