// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {BlockingToken} from "../../contracts/mocks/BlockingToken.sol";
import {TokenVesting} from "../../contracts/governance/TokenVesting.sol";
import {ILedger} from "../../contracts/interfaces/ILedger.sol";
import {Share} from "../../contracts/interfaces/ISplitterFactory.sol";
import {RevenueSplitter} from "../../contracts/revenue/RevenueSplitter.sol";
import {SplitterFactory} from "../../contracts/revenue/SplitterFactory.sol";

/// @dev The few cheat codes that are used; forge knows them at this address.
interface Vm {
    function prank(address sender) external;
}

Vm constant VM = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

/// @title SplitterHandler: what can happen to a splitter, each in bounds, none of which may revert.
/// @dev One of its payees is a splitter, and one a vesting wallet: neither can claim.
contract SplitterHandler {
    uint256 private constant PAYEES = 5;

    BlockingToken public immutable token = new BlockingToken();
    RevenueSplitter public immutable splitter;
    RevenueSplitter public immutable nested;
    address[] public payees;
    uint32[] public shares;
    uint256 public arrived;
    mapping(address payee => uint256) public claimed;

    constructor() {
        SplitterFactory factory = new SplitterFactory();
        Share[] memory people = new Share[](1);
        people[0] = Share({payee: address(0xBEEF), share: 1});
        nested = RevenueSplitter(payable(factory.createSplitter(people)));
        for (uint256 i = 0; i < PAYEES - 2; ++i) {
            payees.push(address(uint160(0x1000 + i)));
        }
        address vesting = address(new TokenVesting(address(0xBEEF), 1, 1, 1));
        payees.push(vesting < address(nested) ? vesting : address(nested));
        payees.push(vesting < address(nested) ? address(nested) : vesting);
        Share[] memory table = new Share[](PAYEES);
        for (uint256 i = 0; i < PAYEES; ++i) {
            shares.push(uint32(i * i * 7 + 1));
            table[i] = Share({payee: payees[i], share: shares[i]});
        }
        splitter = RevenueSplitter(payable(factory.createSplitter(table)));
    }

    function arrive(uint96 amount) external {
        token.mint(address(splitter), amount);
        arrived += amount;
    }

    function distribute() external {
        splitter.distribute(address(token));
    }

    function distributeChunk(uint8 count) external {
        splitter.distributeChunk(address(token), uint256(count % PAYEES) + 1);
    }

    function setBlocked(uint8 index, bool blocked) external {
        token.setBlocked(payees[index % PAYEES], blocked);
    }

    function claim(uint8 index) external {
        address payee = payees[index % PAYEES];
        if (payee.code.length != 0 || splitter.owedTo(address(token), payee) == 0) return;
        VM.prank(payee);
        claimed[payee] += splitter.claim(address(token), payee, address(uint160(payee) + 0x1000));
    }

    /// @dev By a stranger, to the payee itself.
    function help(uint8 index) external {
        address payee = payees[index % PAYEES];
        if (splitter.owedTo(address(token), payee) == 0) return;
        try splitter.claim(address(token), payee, payee) {}
        catch (bytes memory reason) {
            assert(bytes4(reason) == BlockingToken.Blocked.selector);
        }
    }

    /// @dev Nobody else may have it sent elsewhere.
    function steal(uint8 index) external {
        try splitter.claim(address(token), payees[index % PAYEES], address(this)) {
            assert(false);
        } catch (bytes memory reason) {
            assert(bytes4(reason) == ILedger.NotPayee.selector);
        }
    }

    /// @notice What a payee has had or can claim.
    function hadOf(address payee) public view returns (uint256) {
        return token.balanceOf(payee) + claimed[payee] + splitter.owedTo(address(token), payee);
    }

    function count() external pure returns (uint256) {
        return PAYEES;
    }
}

/// @title SplitterInvariants: nothing is lost, and nobody has more or less than their share.
contract SplitterInvariants {
    SplitterHandler private _handler;

    function setUp() external {
        _handler = new SplitterHandler();
    }

    /// @notice Only the handler is called.
    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(_handler);
    }

    /// @notice What was paid, what is parked and what waits is what arrived.
    function invariant_nothingIsLost() external view {
        address token = address(_handler.token());
        uint256 sum = _handler.token().balanceOf(address(_handler.splitter()));
        for (uint256 i = 0; i < _handler.count(); ++i) {
            address payee = _handler.payees(i);
            sum += _handler.hadOf(payee) - _handler.splitter().owedTo(token, payee);
        }
        assert(sum == _handler.arrived());
    }

    /// @notice What is parked can leave: all of it, to those whose it is.
    function invariant_whatIsParkedCanLeave() external {
        address token = address(_handler.token());
        for (uint256 i = 0; i < _handler.count(); ++i) {
            address payee = _handler.payees(i);
            _handler.token().setBlocked(payee, false);
            uint256 parked = _handler.splitter().owedTo(token, payee);
            if (parked == 0) continue;
            assert(_handler.splitter().claim(token, payee, payee) == parked);
        }
    }

    /// @notice What a payee has had and what is pending is its share of all that arrived, to the unit.
    function invariant_everybodyHasTheirShare() external view {
        address token = address(_handler.token());
        uint256 total;
        for (uint256 i = 0; i < _handler.count(); ++i) {
            total += _handler.shares(i);
        }
        for (uint256 i = 0; i < _handler.count(); ++i) {
            address payee = _handler.payees(i);
            uint256 parked = _handler.splitter().owedTo(token, payee);
            uint256 has = _handler.hadOf(payee) - parked + _handler.splitter().pending(token, payee);
            assert(has == _handler.arrived() * _handler.shares(i) / total);
        }
    }
}
