// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IDatatoken} from "../interfaces/IDatatoken.sol";
import {Access, ILicences, Licence, LicenceKind} from "../interfaces/ILicences.sol";
import {IStreams} from "../interfaces/IStreams.sol";
import {ItemId} from "../libraries/ItemId.sol";
import {Grant, SlotLib} from "../libraries/SlotLib.sol";
import {Licences} from "./Licences.sol";
import {Receipts} from "./Receipts.sol";

/// @title Grants: who has access, and the redeeming and consuming of it.
/// @dev Nothing here asks for the state of the asset: what was bought can be used, whatever became of it.
abstract contract Grants is Licences {
    using SlotLib for Grant;

    /// @notice Takes the receipts that holders of uses sign.
    Receipts public immutable receipts = new Receipts();

    /* USING */

    /// @inheritdoc ILicences
    function redeem(uint256 assetId, uint256 licence, uint32 units, address account) external {
        Licence memory offer = _licenceAt(assetId, licence);
        if (offer.kind == LicenceKind.Hold) revert NotRedeemable(assetId, licence);
        if (units == 0) revert NoUnits();
        if (account == address(0)) revert InvalidAccount(account);
        uint256 key = _key(assetId, licence);
        Grant memory grant_ = _grants[key][account];
        _addAccess(grant_, assetId, licence, account, offer, units);
        _grants[key][account].write(grant_);
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
    function consumeFor(
        uint256 assetId,
        uint256 licence,
        address account,
        address service,
        uint32 uses,
        bytes32 ref
    ) external {
        if (msg.sender != address(receipts)) revert NotReceipts(msg.sender);
        _consume(assetId, licence, account, service, uses, ref);
    }

    /* VIEWS */

    /// @inheritdoc ILicences
    function hasAccess(uint256 assetId, address account) external view returns (bool) {
        Found memory found = _find(assetId);
        for (uint256 i = 0; i < found.asset.licenceCount; ++i) {
            if (_accessOf(found.terms, assetId, i, account).active) return true;
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
        return _accessOf(ItemId.termsOf(assetId), assetId, licence, account);
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
        Grant storage grant_ = _grants[_key(assetId, licence)][account];
        uint64 left = grant_.uses;
        if (uses > left) revert NotEnoughUses(assetId, licence, account, uses, left);
        grant_.uses = left - uses;
        emit UsesConsumed(assetId, licence, account, service, uses, ref);
    }

    function _accessOf(uint256 terms, uint256 assetId, uint256 licence, address account)
        private
        view
        returns (Access memory access)
    {
        LicenceKind kind = _licences[_key(terms, licence)].kind;
        if (kind == LicenceKind.Stream) {
            access.expiresAt = IStreams(_streams[_key(terms, licence)]).endOf(assetId, licence, account);
            access.active = access.expiresAt > block.timestamp;
            return access;
        }
        uint256 key = _key(assetId, licence);
        Grant memory grant_ = _grants[key][account];
        (access.expiresAt, access.uses, access.held, access.taken) =
        (grant_.expiresAt, grant_.uses, grant_.held, grant_.taken);
        address token = _datatoken(key);
        if (token.code.length != 0) access.tokens = IERC20(token).balanceOf(account);
        access.active = (kind == LicenceKind.Hold && (grant_.held || access.tokens >= UNIT))
            || (kind == LicenceKind.Period && grant_.expiresAt > block.timestamp)
            || (kind == LicenceKind.Use && grant_.uses != 0);
    }
}

